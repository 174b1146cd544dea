//! Where files can be delivered: one destination type per file, and the registry of all of them.
