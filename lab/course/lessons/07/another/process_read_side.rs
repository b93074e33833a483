    end.read.need_process.clear();
    // Everything is asked under the mutex of the VIO.
    let Some(mutex) = sm else { return };
    let may_read = !end.closed.is_set()
        && !end.read.shutdown.is_set()
        && matches!(end.read.vio.op(), VioOp::Read);
    let has_moved = may_read && half.read_from_core(core, mutex) == Progress::Moved;
    if has_moved {
        half.update_inactive_time();
        let peer = half.other();
        match caller {
            _ if other.closed.is_set() => {}
            Some(caller) => peer.reenable_caller(caller, VioOp::Write),
            None if other.write.shutdown.is_set() || other.write.vio.op() != VioOp::Write => {}
            None => peer.with_sm(core, VioOp::Write, None, |taken| {
                if let Some(peers) = taken {
                    peer.process_write_side(core, peers, Some(mutex));
                } else {
                    peer.write_lock_miss();
                }
            }),
        }
    }
