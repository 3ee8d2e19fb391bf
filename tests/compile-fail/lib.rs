//! What the types of the core do not let anyone write: see `cases`.
