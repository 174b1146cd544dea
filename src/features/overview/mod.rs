//! Home pages: what arrived, where it went, what needs a person. Reads only.

mod chart;
pub mod pages;
