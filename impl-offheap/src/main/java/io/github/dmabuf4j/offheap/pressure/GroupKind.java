package io.github.dmabuf4j.offheap.pressure;

import java.util.List;

/** The two versions of cgroups: what the files of their memory controllers are called. */
enum GroupKind {
  /** Version 2, alone at its mount point, or beside version 1 in a folder {@code unified}. */
  V2("cgroup v2", "memory.current", "inactive_file", "memory.events", "memory.events.local"),

  /** Version 1, where each controller has a mount of its own. */
  V1(
      "cgroup v1",
      "memory.usage_in_bytes",
      "total_inactive_file",
      "memory.failcnt",
      "memory.failcnt");

  final String label;

  /** What is in use: the file that each group of the controller has. */
  final String usage;

  /** The line of {@code memory.stat} with the file cache that the kernel drops first. */
  final String inactiveFile;

  /** How often the limits were hit: of the process's own group. */
  final String events;

  /**
   * The same, of a group above it: there {@link #events} of version 2 counts what happened to
   * neighbours, too.
   */
  final String localEvents;

  GroupKind(String label, String usage, String inactiveFile, String events, String localEvents) {
    this.label = label;
    this.usage = usage;
    this.inactiveFile = inactiveFile;
    this.events = events;
    this.localEvents = localEvents;
  }

  /** The files with its limits, in bytes, each {@code max} for none. */
  List<String> limits() {
    return this == V2 ? List.of("memory.high", "memory.max") : List.of("memory.limit_in_bytes");
  }

  /** The lines of interest in the files of events; none if these are one number. */
  List<String> eventLines() {
    return this == V2 ? List.of("high", "max") : List.of();
  }
}
