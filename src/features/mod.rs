//! What people and clients can do; each feature owns its tables.
