    let Some(mutex) = mutex else { return Some(None) };
    let guard = mutex.try_lock()?;
    // It may have been swapped before we could grab it.
    let _ = vio;
    Some(Some(guard))
