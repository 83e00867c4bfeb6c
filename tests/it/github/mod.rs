//! The GitHub adapter against a small stub that answers oddly on purpose.
