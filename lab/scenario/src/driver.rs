//! The steps of a program that uses a pair: `NetVCTest` and the interpreter of scenarios.
//! The original has them under the tag `pvc_test_detail`.

eventsys::step_kinds! {
    /// The user's state machine received this event for its read VIO.
    SM_READ = "sm_read", "pvc_test";
    /// The user's state machine received this event for its write VIO.
    SM_WRITE = "sm_write", "pvc_test";
    /// The driver has checked this many bytes so far.
    SM_CHECKED = "sm_checked", "pvc_test";
    /// Blocks in the user's read buffer when the end is deleted.
    FREE_READ_BUFFER_BLOCKS = "free_read_buffer_blocks", "pvc_test";
    /// Blocks in the user's write buffer when the end is deleted.
    FREE_WRITE_BUFFER_BLOCKS = "free_write_buffer_blocks", "pvc_test";
}
