"""Pages, figures and videos for people."""
