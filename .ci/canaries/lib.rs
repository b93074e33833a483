//! Programs that are broken on purpose, one file of `tests/` for each tool of
//! `.ci/run`. The tool must report its program, under the same options with which it
//! checks the project; if it is silent, the run fails.
