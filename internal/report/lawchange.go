package report

// unapproved says that the change alters its own law and nobody who may has agreed.
func (r *Report) unapproved() bool { return len(r.Policy.Changed) > 0 && len(r.Policy.ApprovedBy) == 0 }

// unapprovedReason is why that blocks.
func (r *Report) unapprovedReason() string {
	if r.FirstRun {
		return "the change takes away a law that holds in the repository, and no owner has approved that"
	}
	return "the change alters the law that judges it, and no owner has approved that"
}

// lawChanged says what it means that the law would change.
func (r *Report) lawChanged() string {
	if r.FirstRun {
		return "This change takes away a law that holds in the repository"
	}
	return "This change alters the law that judges it. It was judged by the old one"
}
