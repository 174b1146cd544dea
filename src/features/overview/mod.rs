//! Home pages: what arrived, where it went, what needs a person. Reads only.

pub mod pages;
