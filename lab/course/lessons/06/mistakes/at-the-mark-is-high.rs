        self.max_read_avail() >= self.water_mark
