-- What a destination type has to remember of a delivery before its bytes travel, such as an identifier that every attempt
-- uses: JSON, for that type alone.
ALTER TABLE deliveries ADD COLUMN reservation TEXT;
