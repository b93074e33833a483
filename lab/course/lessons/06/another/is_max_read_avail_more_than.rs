        let mut has_reader = false;
        for slot in self.readers.iter() {
            has_reader |= slot.is_live();
            if slot.is_live() && !self.queue.is_empty() && self.end_pos - slot.pos > bytes {
                return true;
            }
        }
        !has_reader && !self.queue.is_empty() && self.writer_read_avail() > bytes
