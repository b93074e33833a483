        // Nothing is added while there is much to read, or much room.
        let has_room = !self.current_low_water();
        if has_room || self.high_water() {
            return;
        }
        self.add_block();
