//! What the black-box tests share: a program whose writes show any reordering, random conflict graphs of
//! its transactions, and a run of them through the pipeline that is held against the serial oracle.

mod conflict_graph;
mod mixer;
mod run;

pub use conflict_graph::{ConflictGraph, Shape};
pub use mixer::{MIXER_ID, Overlaps, mixer, overlaps};
pub use run::{RunOptions, RunReport, run};
