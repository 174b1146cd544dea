//! What a file is: sniffing, kinds, safe names. Pure functions over bytes and text.
