        let (vio, other) = (&self.end().write.vio, self.other().end());
        let ntodo = vio.ntodo();
        if ntodo == 0 || self.is_null_do_io(sm, VioOp::Write) {
            return Progress::Nothing;
        }
        let bytes_avail = vio.with_buffer(sm, |buffer| match buffer {
            MIOBufferAccessor::Reader(reader) => reader.read_avail(sm),
            _ => panic!(
                "do_io_write without a reader: the original dereferences a null pointer here"
            ),
        });
        let act_on = bytes_avail.min(ntodo);
        self.report(pvc::WRITE_ACT_ON, Some(act_on));

        if other.closed.is_set() || other.read.shutdown.is_set() {
            self.call_back(sm, VioOp::Write, EventCode::VC_EVENT_ERROR);
            return Progress::Nothing;
        }
        if act_on <= 0 {
            return Progress::Nothing;
        }

        let flow = self.outgoing(core);
        let buf_space = self.max_bytes() - flow.borrow().buffer.max_read_avail();
        if buf_space <= 0 {
            self.report(pvc::WRITE_NO_SPACE, None);
            return Progress::Nothing;
        }
        let act_on = act_on.min(buf_space);
        let added = vio.with_buffer(sm, |buffer| match buffer {
            MIOBufferAccessor::Reader(reader) => reader.buffer().with(sm, |from| {
                transfer_bytes(&mut flow.borrow_mut().buffer, from, reader.id(), act_on)
            }),
            _ => 0,
        });
        vio.add_ndone(sm, added);
        self.report(pvc::WRITE_ADDED, Some(added));
        let event = match vio.ntodo() {
            0 => EventCode::VC_EVENT_WRITE_COMPLETE,
            _ => EventCode::VC_EVENT_WRITE_READY,
        };
        self.call_back(sm, VioOp::Write, event);
        Progress::Moved
