    let Some(sm) = sm else { return };
    let is_null = !vio.has_continuation(sm);
    if is_null || vio.op() != VioOp::Write || end.closed.is_set() || end.write.shutdown.is_set() {
        return;
    }
    let ntodo = vio.ntodo();
    if ntodo == 0 {
        return;
    }
    let bytes_avail = vio.with_buffer(sm, |buffer| match buffer {
        MIOBufferAccessor::Reader(reader) => Some(reader.read_avail(sm)),
        _ => None,
    });
    let Some(bytes_avail) = bytes_avail else { return };
    let mut act_on = bytes_avail.min(ntodo);
    half.report(pvc::WRITE_ACT_ON, Some(act_on));

    if other_vio.op() != VioOp::Read || other.closed.is_set() || other.read.shutdown.is_set() {
        return;
    }
    if act_on <= 0 {
        if ntodo > 0 {
            // Nothing to write: the state machine should fill the buffer.
            half.call_back(sm, VioOp::Write, EventCode::VC_EVENT_WRITE_READY);
        }
        return;
    }
    let other_ntodo = other_vio.ntodo();
    if other_ntodo == 0 {
        return;
    }
    act_on = act_on.min(other_ntodo);
    half.other().with_sm(core, VioOp::Read, None, |locked| match locked {
        None => half.other().read_lock_miss(),
        Some(None) => {}
        Some(Some(other_sm)) => move_to_peer(half, core, sm, other_sm, act_on),
    });
