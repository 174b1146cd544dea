-- What an endpoint's type remembers of a delivery from one attempt to the next, as JSON that it alone understands: who
-- has a mail already. None where there is nothing to remember.
ALTER TABLE deliveries ADD COLUMN notes TEXT;
