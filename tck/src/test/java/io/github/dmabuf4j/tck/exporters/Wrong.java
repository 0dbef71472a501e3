package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.tck.Capabilities;
import java.util.List;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/**
 * Heaps with one mistake each, the rules that it breaks, and what it is. The kit must find each of
 * them by a test of that rule.
 */
@SuppressWarnings("ImmutableEnumChecker") // none of what it refers to changes
public enum Wrong {
  LOSES_THE_LOCK_IN_PIN(
      "unlocks the reservation in pin",
      heapOf(WrongMovers.LosesTheLockInPin::new),
      Capabilities.KIT_MOVING,
      "PN1"),
  LOSES_THE_LOCK_IN_MAP(
      "unlocks the reservation in map",
      heapOf(WrongMovers.LosesTheLockInMap::new),
      Capabilities.KIT_MOVING,
      "PN1"),
  FORGETS_PINS(
      "moves what is pinned",
      heapOf(WrongMovers.ForgetsPins::new),
      Capabilities.KIT_MOVING,
      "PN2",
      "PN4"),
  FORGETS_HOLDS(
      "moves what is held",
      heapOf(WrongMovers.ForgetsHolds::new),
      Capabilities.KIT_MOVING,
      "PN2",
      "VM2"),
  FORGETS_FENCES(
      "moves what has pending fences",
      heapOf(WrongMovers.ForgetsFences::new),
      Capabilities.KIT_MOVING,
      "PN2",
      "PN4",
      "CM6",
      "CG10"),
  FORGETS_BOOKKEEPING(
      "moves what has pending fences of usage BOOKKEEP",
      heapOf(WrongMovers.ForgetsBookkeeping::new),
      Capabilities.KIT_MOVING,
      "PN2",
      "CG10"),
  MOVES_WITHOUT_THE_LOCK(
      "moves what somebody has the reservation of",
      heapOf(WrongMovers.MovesWithoutTheLock::new),
      Capabilities.KIT_MOVING,
      "PN2",
      "CM13"),
  WAITS_FOR_THE_LOCK(
      "waits for a reservation instead of passing by",
      heapOf(WrongMovers.WaitsForTheLock::new),
      Capabilities.KIT_MOVING,
      "PN2",
      "SH3"),
  DROPS_WHAT_IS_HELD(
      "drops what is held",
      heapOf(WrongMovers.DropsWhatIsHeld::new),
      Capabilities.KIT_MOVING,
      "PN2",
      "CG6"),
  REUSES_QUARANTINED_MEMORY(
      "gives memory in quarantine to another",
      WrongHeaps::reusesQuarantinedMemory,
      Capabilities.KIT_PLAIN,
      "PN2",
      "FN1"),
  DROPS_WHAT_IS_PINNED(
      "drops what is pinned",
      heapOf(WrongMovers.DropsWhatIsPinned::new),
      Capabilities.KIT_MOVING,
      "PN3"),
  DROPS_WHAT_IS_NEEDED(
      "drops what nobody offered",
      heapOf(WrongMovers.DropsWhatIsNeeded::new),
      Capabilities.KIT_MOVING,
      "PN3",
      "CG3",
      "CG4"),
  TELLS_NOBODY(
      "moves without a word",
      heapOf(WrongMovers.TellsNobody::new),
      Capabilities.KIT_MOVING,
      "PN5",
      "CM9",
      "CM13",
      "CL5"),
  TELLS_AFTERWARDS(
      "tells of a move when the bytes have gone",
      heapOf(WrongMovers.TellsAfterwards::new),
      Capabilities.KIT_MOVING,
      "PN5",
      "CM13"),
  LEAVES_THE_CONTENT_BEHIND(
      "moves to empty memory",
      heapOf(WrongMovers.LeavesTheContentBehind::new),
      Capabilities.KIT_MOVING,
      "PN5",
      "CM9"),
  STAYS_IN_THE_REGION(
      "takes long pins inside the region",
      heapOf(WrongMovers.StaysInTheRegion::new),
      Capabilities.KIT_MOVING,
      "PN6"),
  PINS_BEFORE_THE_CONTENT_IS_THERE(
      "returns from pin while the content is on its way",
      heapOf(WrongMovers.PinsBeforeTheContentIsThere::new),
      Capabilities.KIT_MOVING,
      "CM2",
      "PN6"),
  FORGETS_SHORT_UNPINS(
      "stays where it is once it was pinned for a short term",
      heapOf(WrongMovers.ForgetsShortUnpins::new),
      Capabilities.KIT_MOVING,
      "CM3"),
  MAPS_A_COPY_EACH_TIME(
      "gives each hold a copy",
      heapOf(WrongMappers.MapsACopyEachTime::new),
      Capabilities.KIT_PLAIN,
      "VM1",
      "CV1"),
  FORGETS_WHAT_IS_UNMAPPED(
      "loses the content with the mapping",
      heapOf(WrongMovers.ForgetsWhatIsUnmapped::new),
      Capabilities.KIT_MOVING,
      "VM1"),
  UNMAPS_UNDER_ITS_USERS(
      "takes the memory of a mapping that is given up from those who use it",
      heapOf(WrongMovers.UnmapsUnderItsUsers::new),
      Capabilities.KIT_MOVING,
      "VM1",
      "VM4"),
  STAYS_ONCE_MAPPED(
      "never again moves what was mapped once",
      heapOf(WrongMovers.StaysOnceMapped::new),
      Capabilities.KIT_MOVING,
      "VM3"),
  IGNORES_THE_ARENA(
      "gives segments that live for ever",
      heapOf(WrongMappers.IgnoresTheArena::new),
      Capabilities.KIT_PLAIN,
      "VM4"),
  MAPS_WHOLE_PAGES(
      "gives segments that go beyond the buffer",
      heapOf(WrongMappers.MapsWholePages::new),
      Capabilities.KIT_PLAIN,
      "CV3",
      "CB3"),
  FORGETS_THE_BEGIN(
      "shows the CPU stale bytes",
      heapOf(WrongMappers.ForgetsTheBegin::new),
      Capabilities.KIT_SEPARATE_COPIES,
      "CA1",
      "CV4"),
  FORGETS_THE_END(
      "keeps from the device what the CPU wrote",
      heapOf(WrongMappers.ForgetsTheEnd::new),
      Capabilities.KIT_SEPARATE_COPIES,
      "CA1",
      "CA3"),
  FORGETS_THAT_WRITERS_READ(
      "loses the bytes that a writer leaves alone",
      heapOf(WrongMappers.ForgetsThatWritersRead::new),
      Capabilities.KIT_SEPARATE_COPIES,
      "CA1"),
  ENDS_FOR_READERS_TOO(
      "writes back what was only read",
      heapOf(WrongMappers.EndsForReadersToo::new),
      Capabilities.KIT_SEPARATE_COPIES,
      "CA1"),
  FORGETS_ITS_ATTACHMENTS(
      "doesn't synchronise for the CPU what is mapped",
      heapOf(WrongMappers.ForgetsItsAttachments::new),
      Capabilities.KIT_BOUNCING,
      "CA1",
      "CV4"),
  FORGETS_TO_TELL_ITS_ATTACHMENTS(
      "doesn't synchronise for devices what is mapped",
      heapOf(WrongMappers.ForgetsToTellItsAttachments::new),
      Capabilities.KIT_BOUNCING,
      "CA1",
      "CV4"),
  LETS_ONE_IN_AT_A_TIME(
      "makes a lock of its brackets",
      heapOf(WrongMappers.LetsOneInAtATime::new),
      Capabilities.KIT_SEPARATE_COPIES,
      "CA2",
      "CV7"),
  KNOWS_BRACKETS_BY_THREAD(
      "wants a bracket to end on the thread that began it",
      heapOf(WrongMappers.KnowsBracketsByThread::new),
      Capabilities.KIT_SEPARATE_COPIES,
      "JB1"),
  IS_COHERENT_BY_ACCIDENT(
      "claims separate copies and has one, so that missing brackets go unnoticed",
      heapOf(WrongMappers.IsCoherentByAccident::new),
      Capabilities.KIT_SEPARATE_COPIES,
      "CA3"),
  WAITS_IN_THE_END(
      "waits for fences when a bracket ends",
      heapOf(WrongMappers.WaitsInTheEnd::new),
      Capabilities.KIT_PLAIN,
      "CV6"),
  REVOKES_TO_ZEROS(
      "shows zeros instead of memory that is gone",
      heapOf(WrongMappers.RevokesToZeros::new),
      Capabilities.KIT_REVOCABLE,
      "CA4"),
  DROPS_BEHIND_THE_CORES_BACK(
      "drops content and doesn't say so",
      heapOf(WrongMovers.DropsBehindTheCoresBack::new),
      Capabilities.KIT_MOVING,
      "CG6",
      "CG4",
      "SH2"),
  SERVES_ANYBODY(
      "refuses no importer",
      heapOf(WrongMovers.ServesAnybody::new),
      Capabilities.KIT_MOVING,
      "CB6"),
  MAPS_NOTHING(
      "returns null from map",
      heapOf(WrongMappers.MapsNothing::new),
      Capabilities.KIT_PLAIN,
      "CM7"),
  MAPS_TOO_LITTLE(
      "maps half of the buffer",
      heapOf(WrongMappers.MapsTooLittle::new),
      Capabilities.KIT_PLAIN,
      "CM7"),
  MAPS_ODD_ADDRESSES(
      "maps pieces that aren't aligned to pages",
      heapOf(WrongMappers.MapsOddAddresses::new),
      Capabilities.KIT_PLAIN,
      "CM7"),
  GIVES_ALL_THE_SAME_PIECES(
      "returns the same list to every mapping",
      heapOf(WrongMappers.GivesAllTheSamePieces::new),
      Capabilities.KIT_PLAIN,
      "CM8"),
  LETS_READERS_WRITE(
      "maps writable pieces for reading",
      heapOf(WrongMappers.LetsReadersWrite::new),
      Capabilities.KIT_PLAIN,
      "CM7"),
  TAKES_THE_LOCK_IT_HAS(
      "locks the reservation in map",
      heapOf(WrongMappers.TakesTheLockItHas::new),
      Capabilities.KIT_PLAIN,
      "CL4"),
  TAKES_THE_LOCK_IN_RELEASE(
      "locks the reservation in release",
      heapOf(WrongMappers.TakesTheLockInRelease::new),
      Capabilities.KIT_PLAIN,
      "CL3"),
  RELEASES_TWICE(
      "gives the same memory back twice",
      heapOf(WrongHeaps.ReleasesTwice::new),
      Capabilities.KIT_PLAIN,
      "CB4"),
  GIVES_MEMORY_TO_TWO(
      "gives the memory of a live buffer to another",
      WrongHeaps::givesMemoryToTwo,
      Capabilities.KIT_PLAIN,
      "CB4"),
  SHARES_ONE_RESERVATION(
      "has one reservation for all of its buffers",
      WrongHeaps::sharesOneReservation,
      Capabilities.KIT_PLAIN,
      "CB2"),
  ROUNDS_THE_SIZE(
      "makes buffers of whole pages", WrongHeaps.RoundsTheSize::new, Capabilities.KIT_PLAIN, "CB3"),
  HIDES_QUARANTINE(
      "leaves out of reports what is in quarantine",
      WrongHeaps.HidesQuarantine::new,
      Capabilities.KIT_PLAIN,
      "FN1"),
  FORGETS_TO_ZERO(
      "gives out used bytes", heapOf(WrongHeaps.ForgetsToZero::new), Capabilities.KIT_PLAIN, "AL7"),
  ZEROES_ONE_COPY_ONLY(
      "gives devices used bytes",
      heapOf(WrongMappers.ZeroesOneCopyOnly::new),
      Capabilities.KIT_SEPARATE_COPIES,
      "AL7"),
  GOES_BEYOND_ITS_LIMIT(
      "commits more than its limit",
      WrongHeaps.GoesBeyondItsLimit::new,
      Capabilities.KIT_PLAIN,
      "AL9"),
  CLOSES_OVER_LIVE_BUFFERS(
      "closes while buffers live",
      WrongHeaps.ClosesOverLiveBuffers::new,
      Capabilities.KIT_PLAIN,
      "AL11"),
  ALLOCATES_AFTER_ITS_END(
      "allocates after it was closed",
      WrongHeaps.AllocatesAfterItsEnd::new,
      Capabilities.KIT_PLAIN,
      "AL11"),
  RESTORES_ZEROS(
      "brings zeros back instead of content",
      WrongEvicters::restoresZeros,
      Capabilities.KIT_EVICTING,
      "SH2",
      "SH7",
      "CG12"),
  RESTORES_THE_CONTENT_OF_ANOTHER(
      "brings back what was stored last, whoever asks",
      WrongEvicters::restoresTheContentOfAnother,
      Capabilities.KIT_EVICTING,
      "SH2",
      "CG12"),
  GIVES_UP_WHAT_IS_HELD(
      "gives up the memory of what is held",
      WrongEvicters::givesUpWhatIsHeld,
      Capabilities.KIT_EVICTING,
      "PN2",
      "VM2"),
  GIVES_UP_WHAT_IS_PINNED(
      "gives up the memory of what is pinned",
      WrongEvicters::givesUpWhatIsPinned,
      Capabilities.KIT_EVICTING,
      "PN2",
      "PN4"),
  GIVES_UP_WHAT_IS_WORKED_ON(
      "gives up the memory of what has pending fences",
      WrongEvicters::givesUpWhatIsWorkedOn,
      Capabilities.KIT_EVICTING,
      "PN2",
      "CG10"),
  EVICTS_WITHOUT_A_WORD(
      "gives memory up, and tells no importer",
      WrongEvicters.TellsNobody::heap,
      Capabilities.KIT_EVICTING,
      "PN5",
      "CM13"),
  WAITS_FOR_THE_LOCK_TO_EVICT(
      "waits for a reservation instead of evicting another",
      WrongEvicters.WaitsForTheLock::heap,
      Capabilities.KIT_EVICTING,
      "CG8",
      "SH3"),
  KEEPS_ITS_MEMORY(
      "says that memory was given up, and has it all the time",
      WrongEvicters.KeepsItsMemory::heap,
      Capabilities.KIT_EVICTING,
      "SH8",
      "AL9"),
  EVICTS_IN_THE_ORDER_OF_ALLOCATION(
      "evicts what is oldest, however lately it was used",
      WrongEvicters.EvictsInTheOrderOfAllocation::new,
      Capabilities.KIT_EVICTING,
      "SH6",
      "CG8"),
  EVICTS_BEFORE_IT_DROPS(
      "evicts what is needed before it drops what isn't",
      WrongEvicters.EvictsBeforeItDrops::new,
      Capabilities.KIT_EVICTING,
      "CG11"),
  NEVER_WAITS_FOR_WORK(
      "gives up where it was asked to wait for fences",
      WrongEvicters.NeverWaits::new,
      Capabilities.KIT_EVICTING,
      "CG11",
      "FN3"),
  LOSES_COUNT_OF_WHAT_IT_STORED(
      "says that nothing is stored",
      WrongEvicters.LosesCount::new,
      Capabilities.KIT_EVICTING,
      "CG7",
      "SH1");

  private final String mistake;
  private final Function<UnaryOperator<Exporter>, KitHeap> factory;
  private final Capabilities row;
  private final List<String> rules;

  Wrong(
      String mistake,
      Function<UnaryOperator<Exporter>, KitHeap> factory,
      Capabilities row,
      String... rules) {
    this.mistake = mistake;
    this.factory = factory;
    this.row = row;
    this.rules = List.of(rules);
  }

  private static Function<UnaryOperator<Exporter>, KitHeap> heapOf(KitHeap.Factory exporters) {
    return around -> new KitHeap("wrong", WrongHeaps.LIMIT, around, exporters);
  }

  /** What it does wrong. */
  public String mistake() {
    return mistake;
  }

  /** The rules that it breaks. */
  public List<String> rules() {
    return rules;
  }

  /** What it claims to be able to do. */
  public Capabilities row() {
    return row;
  }

  /** Opens it. */
  public KitHeap open(UnaryOperator<Exporter> around) {
    return factory.apply(around);
  }
}
