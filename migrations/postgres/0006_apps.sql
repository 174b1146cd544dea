-- What the lists of keys, tokens and audit rows are read by, and which token a token was made with.

-- The keys of an app and the tokens of a person by age.
DROP INDEX api_keys_by_app;
CREATE INDEX api_keys_by_app_time ON api_keys (app_id, created_at, id);
DROP INDEX personal_tokens_by_user;
CREATE INDEX personal_tokens_by_user_time ON personal_tokens (user_id, created_at, id);

-- A token ends with the one that it was made with; nothing here when it was made on the server.
ALTER TABLE personal_tokens ADD COLUMN made_with TEXT COLLATE "C" REFERENCES personal_tokens (id);
CREATE INDEX personal_tokens_by_maker ON personal_tokens (made_with) WHERE made_with IS NOT NULL;

-- The audit log is read by time, the identifier as tie-break: some identifiers are derived and say nothing of time.
CREATE INDEX audit_entries_by_time ON audit_entries (at, id);
CREATE INDEX audit_entries_by_action_time ON audit_entries (action, at, id);
-- What one actor did of one kind: an app has millions of one kind and few of the others. It stands before the next one,
-- because the embedded engine, while it has not counted rows, takes the older of two that seem equally good.
CREATE INDEX audit_entries_by_actor_action_time ON audit_entries (actor_id, action, at, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_entries_by_actor_time ON audit_entries (actor_id, at, id) WHERE actor_id IS NOT NULL;
-- What happened to one thing is little; the action in between, as it was, would keep it from being read by time.
DROP INDEX audit_entries_by_target;
CREATE INDEX audit_entries_by_target_time ON audit_entries (target_id, at, id) WHERE target_id IS NOT NULL;
