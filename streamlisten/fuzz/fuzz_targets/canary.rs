//! A fault that only a search by coverage finds: it needs six right bytes, and each
//! right one opens one more branch. Random inputs would need 2^48 tries.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let hidden = b"canary";
    let mut right = 0;
    // One branch for each byte, so that coverage tells how far an input came.
    macro_rules! byte {
        ($($place:literal)*) => {
            $(if right == $place && data.get($place) == Some(&hidden[$place]) {
                right += 1;
            })*
        };
    }
    byte!(0 1 2 3 4 5);
    assert!(right < hidden.len(), "the hidden fault was found");
});
