//! The program that `docs/programs.md` shows, compiled and tested.

mod light_switch;

#[test]
fn the_guide_shows_this_very_program() {
    let guide = include_str!("../../../docs/programs.md");
    let shown = format!("```rust\n{}```\n", include_str!("light_switch.rs"));
    assert!(
        guide.contains(&shown),
        "docs/programs.md and light_switch.rs differ"
    );
}
