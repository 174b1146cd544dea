-- The orders and filters of the lists of the HTTP API. Each index here is written with every media or conversation that
-- comes in, so each one says which question it alone can answer without looking at everything.
--
-- `size >= 0`, `mime_type >= ''` and `created_at >= 0` are always true. They stand in some indexes and in the statements
-- that may use those: a server that knows an app to have a quarter of all media would else look for the newest of them
-- among those of all apps, and through all years of others once that app is no longer in use.

-- Media are listed by the instant of their acceptance, the identifier as tie-break, and deleted ones never are.
DROP INDEX media_by_app;
DROP INDEX media_by_conversation;
-- An app's own media; takes the place of media_by_app.
CREATE INDEX media_by_app_time ON media (app_id, created_at, id) WHERE deleted_at IS NULL AND mime_type >= '';
-- Those of one conversation; takes the place of media_by_conversation.
CREATE INDEX media_by_conversation_time ON media (conversation_id, created_at, id);
-- An app's media of one kind: some kinds are one in ten thousand.
CREATE INDEX media_by_app_kind ON media (app_id, kind, created_at, id) WHERE deleted_at IS NULL;
-- Media of one content: whether a file has been handed in already, and how often. The app at the end is read from the
-- index alone where other apps have the same content many times.
CREATE INDEX media_by_sha256 ON media (sha256, created_at, id, app_id) WHERE deleted_at IS NULL;
-- Those of all apps, for admins.
CREATE INDEX media_by_time ON media (created_at, id) WHERE deleted_at IS NULL AND mime_type >= '' AND size >= 0;
CREATE INDEX media_by_kind ON media (kind, created_at, id) WHERE deleted_at IS NULL AND size >= 0;
-- What is not stored is rare, so these two cost a usual media nothing.
CREATE INDEX media_unstored_by_app ON media (app_id, state, created_at, id)
    WHERE deleted_at IS NULL AND state <> 'stored';
CREATE INDEX media_unstored ON media (state, created_at, id)
    WHERE deleted_at IS NULL AND state <> 'stored' AND size >= 0;

-- Conversations are listed by identifier, one state at a time: either open or ended ones are few among the others.
-- An app's own.
CREATE INDEX conversations_by_app_state ON conversations (app_id, state, id);
-- An app's own about one subject.
CREATE INDEX conversations_by_app_use_case ON conversations (app_id, use_case_id, state, id);
-- Those of one person.
CREATE INDEX conversations_by_agent ON conversations (agent, state, id) WHERE agent IS NOT NULL;
-- Those of all apps, for admins.
CREATE INDEX conversations_by_state ON conversations (state, id) WHERE created_at >= 0;
CREATE INDEX conversations_by_use_case ON conversations (use_case_id, state, id) WHERE created_at >= 0;
