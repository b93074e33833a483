        self.current_write_avail() < self.water_mark
