        let mut listeners = self.listeners.borrow_mut();
        let Some(at) = listeners.iter().rposition(|entry| entry.id == id) else {
            return false;
        };
        listeners.remove(at);
        let above = listeners.get(at).and_then(|entry| entry.listener.upgrade());
        let below = at.checked_sub(1).map(|below| Weak::clone(&listeners[below].listener));
        drop(listeners);
        let _ = (above, below);
        true
