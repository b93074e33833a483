    // As in release 5.2.1.
    let end = half.end();
    end.write.need_process.clear();
    if end.write.vio.op() != VioOp::Write || end.closed.is_set() || end.write.shutdown.is_set() {
        return;
    }
    half.with_sm(core, VioOp::Write, sm, |locked| match locked {
        None => half.write_lock_miss(),
        Some(None) => {}
        Some(Some(sm)) => {
            let other = half.other();
            half.report(pvc::WRITE_SIDE, None);
            end.write.need_process.clear();
            match half.write_into_core(core, sm) {
                Progress::Moved => half.update_inactive_time(),
                Progress::Nothing => return,
            }
            if other.end().closed.is_set() {
                return;
            }
            match caller {
                Some(caller) => other.reenable_caller(caller, VioOp::Read),
                None => other.process_read_side(core, None, Some(sm)),
            }
        }
    });
