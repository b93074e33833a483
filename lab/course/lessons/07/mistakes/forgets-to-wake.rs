    end.read.need_process.clear();

    let Some(sm) = sm else { return };
    // Under the mutex (TS-3339): a shutdown that was not there when the other
    // side looked may be there now, and the user's buffer gone.
    if end.read.vio.op() != VioOp::Read || end.closed.is_set() || end.read.shutdown.is_set() {
        return;
    }
    match half.read_from_core(core, sm) {
        Progress::Moved => half.update_inactive_time(),
        Progress::Nothing => return,
    }

    if other.closed.is_set() {
        return;
    }
    if caller.is_some() {
        return;
    }
    if other.write.vio.op() != VioOp::Write || other.write.shutdown.is_set() {
        return;
    }
    half.other().with_sm(core, VioOp::Write, None, |locked| match locked {
        None => half.other().write_lock_miss(),
        Some(other_sm) => half.other().process_write_side(core, other_sm, Some(sm)),
    });
