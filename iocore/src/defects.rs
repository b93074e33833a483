//! Historical defects of the I/O core that the exploration build can put back; see
//! [`eventsys::defects`].

eventsys::defect_table! {
    /// A buffer keeps the water mark of the one that had its memory before.
    WATER_MARK: "water-mark", "c7b2c6459e", "2.0.0" to "7.1.12",
        "A new buffer has the water mark of the one that was freed last.";
}
