    let (end, other) = (half.end(), half.other().end());
    let (vio, other_vio) = (&end.write.vio, &other.read.vio);
    let added = vio.with_buffer(sm, |from| {
        other_vio.with_buffer(other_sm, |to| match (from, to) {
            (MIOBufferAccessor::Reader(from), MIOBufferAccessor::Writer(to)) => {
                move_as_fits(half.max_bytes(), sm, other_sm, from, to, act_on)
            }
            (_, MIOBufferAccessor::Writer(_)) => None,
            _ => {
                panic!("do_io_read without a buffer: the original dereferences a null pointer here")
            }
        })
    });
    let Some(added) = added else {
        half.report(pvc::PEER_NO_SPACE, None);
        return;
    };
    vio.add_ndone(sm, added);
    other_vio.add_ndone(other_sm, added);
    half.report(pvc::MOVED, Some(added));

    let event = match vio.ntodo() {
        0 => EventCode::VC_EVENT_WRITE_COMPLETE,
        _ => EventCode::VC_EVENT_WRITE_READY,
    };
    let writers = event;
    let event = match other_vio.ntodo() {
        0 => EventCode::VC_EVENT_READ_COMPLETE,
        _ => EventCode::VC_EVENT_READ_READY,
    };
    // The first callback may have issued the peer's read again.
    half.other().with_sm_after_callback(core, VioOp::Read, Some(other_sm), |locked| {
        if let Some(Some(other_sm)) = locked {
            half.other().call_back(other_sm, VioOp::Read, event);
        }
    });
    half.call_back(sm, VioOp::Write, writers);
    half.update_inactive_time();
    half.other().update_inactive_time();
    if !end.closed.is_set() {
        half.reenable_caller(sm, VioOp::Write);
    }
