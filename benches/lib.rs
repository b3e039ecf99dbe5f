//! Measurements of Prism against peers and raw primitives, always as a ratio within one run: machines are shared and
//! noisy, absolute figures belong to one machine. Run them with `cargo bench -p prism-benches`.
