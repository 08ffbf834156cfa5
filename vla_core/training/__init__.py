"""Training of whatever policy: a resumable trainer, its progress, augmentation."""
