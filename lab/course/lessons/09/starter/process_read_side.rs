    // As in release 5.2.1.
    let end = half.end();
    end.read.need_process.clear();
    if end.read.vio.op() != VioOp::Read || end.closed.is_set() || end.read.shutdown.is_set() {
        return;
    }
    half.with_sm(core, VioOp::Read, sm, |locked| match locked {
        None => half.read_lock_miss(),
        Some(None) => {}
        Some(Some(sm)) => {
            let other = half.other();
            half.report(pvc::READ_SIDE, None);
            end.read.need_process.clear();
            match half.read_from_core(core, sm) {
                Progress::Moved => half.update_inactive_time(),
                Progress::Nothing => return,
            }
            if other.end().closed.is_set() {
                return;
            }
            match caller {
                Some(caller) => other.reenable_caller(caller, VioOp::Write),
                None => other.process_write_side(core, None, Some(sm)),
            }
        }
    });
