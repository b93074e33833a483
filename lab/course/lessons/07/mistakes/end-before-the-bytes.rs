        let (vio, other) = (&self.end().read.vio, self.other().end());
        let ntodo = vio.ntodo();
        if ntodo == 0 {
            return Progress::Nothing;
        }
        let flow = self.incoming(core);
        let bytes_avail = {
            let flow = flow.borrow();
            flow.buffer.read_avail(flow.reader)
        };
        let act_on = bytes_avail.min(ntodo);
        self.report(pvc::READ_ACT_ON, Some(act_on));

        if other.closed.is_set() || other.write.shutdown.is_set() {
            self.call_back(sm, VioOp::Read, EventCode::VC_EVENT_EOS);
            return Progress::Nothing;
        }
        if act_on <= 0 {
            return Progress::Nothing;
        }
        if self.is_null_do_io(sm, VioOp::Read) {
            return Progress::Nothing;
        }
        let added = vio.with_buffer(sm, |buffer| {
            let MIOBufferAccessor::Writer(output) = buffer else {
                panic!(
                    "do_io_read without a buffer: the original dereferences a null pointer here"
                );
            };
            output.with(sm, |output| {
                let water_mark = output.water_mark().max(self.max_bytes());
                let buf_space = water_mark - output.max_read_avail();
                if buf_space <= 0 {
                    return 0;
                }
                let flow = &mut *flow.borrow_mut();
                transfer_bytes(output, &mut flow.buffer, flow.reader, act_on.min(buf_space))
            })
        });
        if added <= 0 {
            self.report(pvc::READ_NO_SPACE, None);
            return Progress::Nothing;
        }
        vio.add_ndone(sm, added);
        self.report(pvc::READ_ADDED, Some(added));
        let event = match vio.ntodo() {
            0 => EventCode::VC_EVENT_READ_COMPLETE,
            _ => EventCode::VC_EVENT_READ_READY,
        };
        self.call_back(sm, VioOp::Read, event);
        Progress::Moved
