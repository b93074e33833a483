        let end = self.end();
        let Some(event) = place.take() else { return };
        if std::ptr::eq(place, &end.inactive_event) {
            end.inactive_timeout_at.set(None);
        }
