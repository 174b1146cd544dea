//! What a file is: its kind, its type by content, how it may be served, and the names it may bear outside.
//!
//! Nothing here trusts what a sender says about a file. The type comes from the first bytes, and names are made harmless
//! before they reach a header, a folder or an object store. Files are never unpacked or decoded here.

pub mod kinds;
pub mod names;
pub mod sniff;
