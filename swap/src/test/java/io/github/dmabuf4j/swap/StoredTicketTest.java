package io.github.dmabuf4j.swap;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** A move of content meets a load, a discard, or neither: step by step, in each order. */
final class StoredTicketTest {
  private final TestMemory memory = TestMemory.unlimited();
  private final AtomicLong clock = new AtomicLong();

  /** What happens in the middle of a move, and how many tickets' worth of memory is left. */
  private void midMove(
      Consumer<StoredTicket> between, long left, boolean replaced, SecondStage.Outcome outcome) {
    SlicedStore store = Stores.LZ4.open(memory, clock);
    long before = memory.live();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment content = Content.TEXT.fill(arena.allocate(20_000), 1);
      StoredTicket ticket = (StoredTicket) store.store(content);
      StoredTicket twin = (StoredTicket) store.store(content);
      long each = ticket.storedBytes();
      StoredContent spare = twin.content();
      StoredContent was = ticket.content();
      SecondStage second =
          new SecondStage.ToFile(store.rooms().getFirst()) {
            @Override
            StoredContent moved(StoredContent old) {
              between.accept(ticket);
              return spare; // from now on the move's own, and not the twin's
            }
          };
      assertThat(second.move(ticket)).isEqualTo(outcome);
      assertThat(ticket.content() == spare).isEqualTo(replaced);
      assertThat(memory.live() - before).isEqualTo(left * each);
      assertThat(memory.closedTwice()).isZero();
      if (ticket.content() == was) {
        was.free();
      } else if (ticket.content() == spare) {
        spare.free();
      }
      assertThat(memory.live()).isEqualTo(before);
    }
  }

  @Test
  void move_replacesTheContent_andFreesTheOld() {
    midMove(ticket -> {}, 1, true, SecondStage.Outcome.DONE);
  }

  @Test
  void discardDuringAMove_leavesTheFreeingOfBothToTheMove() {
    midMove(ticket -> assertThat(ticket.discard()).isNull(), 0, false, SecondStage.Outcome.DONE);
  }

  @Test
  void loadDuringAMove_keepsTheOldContent() {
    midMove(
        ticket -> assertThat(ticket.beginLoad()).isNotNull(), 1, false, SecondStage.Outcome.IN_USE);
  }

  @Test
  void loadThatEndedBeforeTheMove_changesNothing() {
    midMove(
        ticket -> {
          assertThat(ticket.beginLoad()).isNotNull();
          assertThat(ticket.endLoad()).isNull();
        },
        1,
        true,
        SecondStage.Outcome.DONE);
  }

  @Test
  void discardDuringALoad_isFreedByTheLoad() {
    StoredContent content = new StoredContent(8, List.of(), 0, Stage.NONE);
    StoredTicket ticket = new StoredTicket(Stores.LZ4.open(memory, clock), content, 0);
    assertThat(ticket.beginLoad()).isSameAs(content);
    assertThat(ticket.discard()).isNull();
    assertThat(ticket.beginLoad()).isNull();
    assertThat(ticket.beginMove()).isNull();
    assertThat(ticket.endLoad()).isSameAs(content);
    assertThat(ticket.discard()).isNull();
  }

  @Test
  void secondMove_isRefused_asIsOneDuringALoad() {
    StoredContent content = new StoredContent(8, List.of(), 0, Stage.NONE);
    StoredTicket ticket = new StoredTicket(Stores.LZ4.open(memory, clock), content, 0);
    assertThat(ticket.beginMove()).isSameAs(content);
    assertThat(ticket.beginMove()).isNull();
    assertThat(ticket.endMove(null)).isNull();
    assertThat(ticket.beginLoad()).isSameAs(content);
    assertThat(ticket.beginMove()).isNull();
  }

  @Test
  void ticketInUse_isYoungAgain_andMovedLater() {
    try (SlicedStore store = Stores.LZ4_THEN_FILE.open(memory, clock);
        Arena arena = Arena.ofConfined()) {
      StoredTicket ticket =
          (StoredTicket) store.store(Content.TEXT.fill(arena.allocate(20_000), 1));
      long full = memory.live();
      clock.addAndGet(11_000_000_000L);
      assertThat(ticket.beginLoad()).isNotNull();
      store.age();
      assertThat(ticket.endLoad()).isNull();
      store.age();
      assertThat(memory.live()).isEqualTo(full);
      clock.addAndGet(11_000_000_000L);
      store.age();
      assertThat(memory.live()).isLessThan(full);
    }
    assertThat(memory.live()).isZero();
  }
}
