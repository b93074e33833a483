        let mut most = None;
        for slot in self.readers.iter() {
            if slot.is_live() {
                let avail = slot.read_avail(self.end_pos);
                most = Some(most.map_or(avail, |most: i64| most.max(avail)));
            }
        }
        match most {
            Some(most) => most,
            None => self.writer_read_avail(),
        }
