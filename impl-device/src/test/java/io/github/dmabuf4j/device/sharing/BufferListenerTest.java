package io.github.dmabuf4j.device.sharing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.UnixSocket;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Where processes meet. */
@Timeout(120)
final class BufferListenerTest {
  private static final Duration SOON = Duration.ofSeconds(20);

  @TempDir Path folder;
  private OpenFiles before;
  private PeerAddress address;

  @BeforeEach
  void begin() {
    before = OpenFiles.now();
    address = PeerAddress.of(folder.resolve("socket"));
  }

  @AfterEach
  void nothingStaysOpen() {
    before.assertSameSoon();
  }

  private static void checkConnects(PeerAddress address) throws InterruptedException {
    try (BufferListener listener = BufferListener.open(address);
        BufferConnection client = BufferConnection.connect(address, SOON);
        BufferConnection server = listener.accept(SOON)) {
      client.send(new byte[] {5});
      assertThat(server.receive(SOON)).isInstanceOf(Received.Message.class);
      assertThat(server.peer()).isEqualTo(client.peer());
    }
  }

  @Test
  void path_isTheOwnersAlone_andIsGoneAfterwards() throws Exception {
    Path file = folder.resolve("socket");
    try (BufferListener listener = BufferListener.open(address)) {
      assertThat(listener.address()).isEqualTo(address);
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
          .isEqualTo("rw-------");
    }
    assertThat(file).doesNotExist();
    checkConnects(address);
  }

  @Test
  void path_withARuleOfItsOwn_isForAllWhoMeetTheRule() throws Exception {
    try (BufferListener listener = BufferListener.openTo(address, credentials -> true)) {
      assertThat(
              PosixFilePermissions.toString(
                  Files.getPosixFilePermissions(folder.resolve("socket"))))
          .isEqualTo("rw-rw-rw-");
    }
    assertThatNullPointerException()
        .isThrownBy(() -> BufferListener.openTo(address, null))
        .withMessage("mayConnect");
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void listeners_thatStartAtOnePathAtOnce_areOne_thatCanBeReached() throws Exception {
    for (int round = 0; round < 30; round++) {
      try (Descriptor dead = UnixSocket.create("dead")) {
        assertThat(UnixSocket.bind(dead, address.bytes())).isZero();
      }
      CountDownLatch start = new CountDownLatch(1);
      List<Future<BufferListener>> starting = new ArrayList<>();
      try (ExecutorService threads = Executors.newCachedThreadPool()) {
        for (int i = 0; i < 12; i++) {
          starting.add(
              threads.submit(
                  () -> {
                    start.await();
                    return BufferListener.open(address);
                  }));
        }
        start.countDown();
      }
      List<BufferListener> listening = new ArrayList<>();
      for (Future<BufferListener> one : starting) {
        try {
          listening.add(one.get());
        } catch (ExecutionException e) {
          assertThat(e).hasMessageContaining("where somebody does already");
        }
      }
      assertThat(listening).hasSize(1);
      checkReached(listening.getFirst());
      listening.getFirst().close();
      assertThat(folder).isEmptyDirectory();
    }
  }

  private void checkReached(BufferListener listener) throws InterruptedException {
    try (BufferConnection client = BufferConnection.connect(address, SOON);
        BufferConnection server = listener.accept(SOON)) {
      server.send(new byte[1]);
      assertThat(client.receive(SOON)).isInstanceOf(Received.Message.class);
    }
  }

  @Test
  void listeners_thatComeAndGoAtOnePath_neverTakeItFromOneThatListens() throws Exception {
    AtomicInteger listening = new AtomicInteger();
    List<Future<?>> all = new ArrayList<>();
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      for (int i = 0; i < 4; i++) {
        all.add(
            threads.submit(
                () -> {
                  for (int opened = 0; opened < 50; ) {
                    opened += comeAndGo(listening);
                  }
                  return null;
                }));
      }
    }
    for (Future<?> one : all) {
      one.get();
    }
    assertThat(folder).isEmptyDirectory();
  }

  private int comeAndGo(AtomicInteger listening) throws InterruptedException {
    try (BufferListener listener = BufferListener.open(address)) {
      assertThat(listening.incrementAndGet()).isOne();
      checkReached(listener);
      assertThat(listening.decrementAndGet()).isZero();
      return 1;
    } catch (DmaBufException e) {
      assertThat(e).hasMessageContaining("where somebody does already");
      return 0;
    }
  }

  @Test
  void lock_thatWasLeftByADeadProcess_isTaken() throws Exception {
    Files.createFile(folder.resolve("socket.lock"));
    checkConnects(address);
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void listener_thatKnowsOfNoLock_isRefusedItsPlaceToNobodyElse() throws Exception {
    try (Descriptor foreign = UnixSocket.create("foreign")) {
      assertThat(UnixSocket.bind(foreign, address.bytes())).isZero();
      assertThat(UnixSocket.listen(foreign)).isZero();
      assertThatExceptionOfType(DmaBufException.class)
          .isThrownBy(() -> BufferListener.open(address))
          .withMessageContaining("where somebody does already");
      assertThat(folder.resolve("socket")).exists();
      assertThat(folder.resolve("socket.lock")).doesNotExist();
    }
  }

  @Test
  void peersThatMayNotConnect_howeverManyCome_neverMakeAcceptingLonger() throws Exception {
    AtomicReference<BufferConnection> last = new AtomicReference<>();
    Predicate<PeerCredentials> nobody =
        credentials -> {
          try {
            BufferConnection next = BufferConnection.connect(address, SOON);
            Optional.ofNullable(last.getAndSet(next)).ifPresent(BufferConnection::close);
            return false;
          } catch (InterruptedException e) {
            throw new AssertionError(e);
          }
        };
    try (BufferListener listener = BufferListener.openTo(address, nobody)) {
      for (Duration timeout : List.of(Duration.ofMillis(50), Duration.ZERO)) {
        BufferConnection.connect(address, SOON).close();
        assertThatExceptionOfType(PeerException.class)
            .isThrownBy(() -> listener.accept(timeout))
            .satisfies(e -> assertThat(e.problem()).isEqualTo(Problem.SILENT))
            .withMessageContaining("were turned away");
      }
    } finally {
      last.get().close();
    }
  }

  @Test
  void peerThatWaitsBehindOthersWhoMayNot_isFoundByALook() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    try (BufferListener listener =
            BufferListener.openTo(address, credentials -> asked.incrementAndGet() == 3);
        BufferConnection first = BufferConnection.connect(address, SOON);
        BufferConnection second = BufferConnection.connect(address, SOON);
        BufferConnection third = BufferConnection.connect(address, SOON)) {
      listener.accept(Duration.ZERO).close();
      assertThat(List.of(first, second, third)).doesNotContainNull();
    }
  }

  @Test
  void abstractName_needsNoFile() throws InterruptedException {
    checkConnects(PeerAddress.of("@dmabuf4j-test-" + UUID.randomUUID()));
  }

  @Test
  void file_thatWasLeftByADeadProcess_isReplaced() throws InterruptedException {
    try (Descriptor dead = UnixSocket.create("dead")) {
      assertThat(UnixSocket.bind(dead, address.bytes())).isZero();
    }
    assertThat(folder.resolve("socket")).exists();
    checkConnects(address);
  }

  @Test
  void address_whereSomebodyListens_isRefused_andStaysTheirs() throws InterruptedException {
    try (BufferListener first = BufferListener.open(address)) {
      assertThatExceptionOfType(DmaBufException.class)
          .isThrownBy(() -> BufferListener.open(address))
          .satisfies(e -> assertThat(e.errno()).contains(Errno.EBUSY))
          .withMessageContaining("where somebody does already");
      BufferConnection.connect(address, SOON).close();
      first.accept(SOON).close();
    }
  }

  @Test
  void file_thatIsNoSocket_isRefused_andStays() throws Exception {
    Files.writeString(folder.resolve("socket"), "precious");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> BufferListener.open(address))
        .withMessageContaining("no socket");
    assertThat(folder.resolve("socket")).hasContent("precious");
  }

  @Test
  void folder_thatDoesNotExist_isRefused() {
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> BufferListener.open(PeerAddress.of(folder.resolve("no/socket"))))
        .withMessageContaining("create the folder first");
  }

  @Test
  void connect_whereNobodyListens_saysSo() throws Exception {
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> BufferConnection.connect(address, SOON))
        .satisfies(e -> assertThat(e.errno()).contains(Errno.ENOENT))
        .withMessageContaining("start the process that listens there first");
  }

  @Test
  void peer_thatMayNotConnect_isTurnedAway_andWaitingGoesOn() throws InterruptedException {
    AtomicInteger asked = new AtomicInteger();
    try (BufferListener listener =
            BufferListener.openTo(address, credentials -> asked.getAndIncrement() > 0);
        BufferConnection refused = BufferConnection.connect(address, SOON);
        BufferConnection welcome = BufferConnection.connect(address, SOON);
        BufferConnection accepted = listener.accept(SOON)) {
      assertThatExceptionOfType(PeerException.class)
          .isThrownBy(() -> refused.receive(SOON))
          .satisfies(e -> assertThat(e.problem()).isEqualTo(Problem.GONE));
      accepted.send(new byte[1]);
      assertThat(welcome.receive(SOON)).isInstanceOf(Received.Message.class);
      assertThat(asked).hasValue(2);
    }
  }

  @Test
  void accept_endsAtTheDeadline_andWithTheListener() throws Exception {
    try (BufferListener listener = BufferListener.open(address);
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      assertThatExceptionOfType(PeerException.class)
          .isThrownBy(() -> listener.accept(Duration.ofMillis(5)))
          .satisfies(e -> assertThat(e.problem()).isEqualTo(Problem.SILENT));
      Future<?> waiting = threads.submit(() -> listener.accept(SOON));
      listener.close();
      assertThatThrownBy(waiting::get).hasCauseInstanceOf(IllegalStateException.class);
      assertThatIllegalStateException().isThrownBy(() -> listener.accept(SOON));
    }
  }

  @Test
  void address_thatIsTooLong_isRefusedWithTheLimit() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PeerAddress.of("/" + "x".repeat(107)))
        .withMessageContaining("1 to 107 bytes, got 108");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PeerAddress.of("@" + "x".repeat(107)))
        .withMessageContaining("1 to 106 bytes, got 107");
    assertThatIllegalArgumentException().isThrownBy(() -> PeerAddress.of(""));
    assertThatIllegalArgumentException().isThrownBy(() -> PeerAddress.of("a\0b"));
    assertThat(PeerAddress.of("@name").toString()).isEqualTo("@name");
  }
}
