    let (end, other) = (half.end(), half.other().end());
    half.report(pvc::READ_SIDE, None);
    end.read.need_process.clear();
    // The caller has taken the mutex, so this is the one look, and it counts.
    let may_read = |_: &Guard<'_>| {
        matches!(end.read.vio.op(), VioOp::Read)
            && !end.closed.is_set()
            && !end.read.shutdown.is_set()
    };
    if let Some(mine) = sm.filter(|mine| may_read(mine)) {
        if half.read_from_core(core, mine) == Progress::Nothing {
            return;
        }
        half.update_inactive_time();
        let peer = half.other();
        match (other.closed.is_set(), caller) {
            (true, _) => {}
            (false, Some(caller)) => peer.reenable_caller(caller, VioOp::Write),
            (false, None) => {
                let writes = other.write.vio.op() == VioOp::Write;
                if writes && !other.write.shutdown.is_set() {
                    peer.with_sm(core, VioOp::Write, None, |taken| match taken {
                        Some(its) => peer.process_write_side(core, its, Some(mine)),
                        None => peer.write_lock_miss(),
                    });
                }
            }
        }
    }
