//! Specifications of the services whose histories are judged.

mod map;
mod status;

pub use map::Map;
pub use status::{Replies, Status};
