//! Where media bytes lie.
