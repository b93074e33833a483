        if self.current_low_water() {
            self.add_block();
        }
