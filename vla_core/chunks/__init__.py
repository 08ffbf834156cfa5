"""Action chunks in time: their timeline, their delay, how one joins the next."""
