//! Programs that are broken on purpose, one file of `tests/` for each tool of
//! `.ci/run`. The tool must report its program, under the very options with which it
//! looks at the project; if it is silent, the run fails.
