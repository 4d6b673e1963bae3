// Where begin() in enter_linux.c came to, for enter_linux.go.
enum {
	TIDEGATE_RUN_NOT_ASKED,
	TIDEGATE_RUN_UNSHARE, // failed there, with tidegate_run_errno
	TIDEGATE_RUN_MAP,     // and there
	TIDEGATE_RUN_ENTERED,
};

extern int tidegate_run_errno;
extern int tidegate_run_step;

// tidegate_run_ignored has a bit for each signal that this process was started
// to ignore.
extern unsigned long long tidegate_run_ignored;
