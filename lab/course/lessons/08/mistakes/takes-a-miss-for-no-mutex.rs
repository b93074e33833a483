    let Some(mutex) = mutex else { return Some(None) };
    let Some(guard) = mutex.try_lock() else { return Some(None) };
    // It may have been swapped before we could grab it.
    vio.is_bound_to(mutex).then_some(Some(guard))
