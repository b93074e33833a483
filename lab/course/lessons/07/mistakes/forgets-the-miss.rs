    end.write.need_process.clear();

    let Some(sm) = sm else { return };
    if end.write.vio.op() != VioOp::Write || end.closed.is_set() || end.write.shutdown.is_set() {
        return;
    }
    match half.write_into_core(core, sm) {
        Progress::Moved => half.update_inactive_time(),
        Progress::Nothing => return,
    }

    if other.closed.is_set() {
        return;
    }
    if let Some(caller) = caller {
        half.other().reenable_caller(caller, VioOp::Read);
        return;
    }
    // Without the other side's mutex its `need_process` must not be cleared, and
    // the state that it reads here may change at any time: the only safe
    // decision is to leave.
    if other.read.vio.op() != VioOp::Read || other.read.shutdown.is_set() {
        return;
    }
    half.other().with_sm(core, VioOp::Read, None, |locked| match locked {
        None => {}
        Some(other_sm) => half.other().process_read_side(core, other_sm, Some(sm)),
    });
