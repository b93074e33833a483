//! The fuzzer's corpus, without the fuzzer.

#[test]
fn every_input_of_the_corpus_tells_the_same_however_it_is_cut() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/machine");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is there") {
        let path = entry.expect("an entry").path();
        crate::common::check(&std::fs::read(&path).expect("a file"));
        seen += 1;
    }
    assert!(seen >= 30, "{seen} inputs");
}
