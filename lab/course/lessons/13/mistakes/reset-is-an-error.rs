        match read {
            // No room.
            None => {}
            Some(Ok(0)) => {
                self.untrigger(nh, h, VioOp::Read);
                self.signal_done(nh, h, &lock, VioOp::Read, EventCode::VC_EVENT_EOS);
                return true;
            }
            Some(Ok(bytes)) => {
                nh.counters.read_bytes.add(bytes.unsigned_abs());
                vio.add_ndone(&lock, bytes);
                self.net_activity();
                if vio.ntodo() <= 0 {
                    let event = EventCode::VC_EVENT_READ_COMPLETE;
                    self.signal_done(nh, h, &lock, VioOp::Read, event);
                    return true;
                }
                let event = EventCode::VC_EVENT_READ_READY;
                if self.signal_and_update(nh, h, &lock, VioOp::Read, event) == Outcome::Done {
                    return true;
                }
                if !vio.is_bound_to(&mutex) {
                    // The VIO is under another mutex by now, so this function
                    // must not touch it.
                    nh.reschedule(h, self, VioOp::Read);
                    return true;
                }
            }
            Some(Err(error)) => {
                self.untrigger(nh, h, VioOp::Read);
                match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::NotConnected => {
                        nh.counters.calls_to_read_nodata.add(1);
                    }
                    _ => self.signal_error(nh, h, &lock, VioOp::Read, errno(&error)),
                }
                return true;
            }
        }
