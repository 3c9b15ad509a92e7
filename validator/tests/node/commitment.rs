//! What the levels of commitment show.

mod clock;
