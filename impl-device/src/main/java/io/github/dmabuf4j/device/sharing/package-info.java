/**
 * Buffers, fences and queues shared with other processes of this machine.
 *
 * <p>One process {@linkplain io.github.dmabuf4j.device.sharing.BufferListener listens}, another
 * {@linkplain io.github.dmabuf4j.device.sharing.BufferConnection#connect connects}. Over the
 * connection go buffers, which are then in both processes and were not copied, fences, and small
 * messages. Or it becomes a queue: its buffers are sent once, and from then on a frame is handed on
 * by a token of 40 bytes, or 52 if its fence is a point, however large it is. Each hand is what it
 * is within one process, {@link io.github.dmabuf4j.BufferProducer} and {@link
 * io.github.dmabuf4j.BufferConsumer}.
 *
 * {@snippet file="io/github/dmabuf4j/device/snippets/Sharing.java" region="producer"}
 *
 * {@snippet file="io/github/dmabuf4j/device/snippets/Sharing.java" region="consumer"}
 *
 * <h2>What the other process can do</h2>
 *
 * <p>It isn't trusted (design rules DV5 to DV7). What it says is copied once and checked; memory is
 * taken only if nobody can take it away again, so that the JVM can't be made to fault; descriptors
 * that come unasked are closed, on a thread that closes what this peer sent or was given and
 * nothing else, for a close may sleep for as long as the peer likes, and the connection of a peer
 * that holds closes up ends; whether a file is what it should be is found out without running code
 * of the file's own. It can still write to memory that it was given to write, at any time: who must
 * not be surprised sends it read-only, or copies before looking. A peer that is gone or lies ends
 * its own connection, with a {@link io.github.dmabuf4j.device.sharing.PeerException}, and no other.
 *
 * <h2>The protocol</h2>
 *
 * <p>Version 1, over {@code AF_UNIX} and {@code SOCK_SEQPACKET}: the kernel keeps each frame whole
 * and its descriptors with it, so a length that lies can be told, and a frame can't begin in the
 * middle of another. A stream socket would need a parser that finds both. A frame is a header of 24
 * bytes, content of at most 65,512 and at most 64 descriptors; numbers are little-endian.
 *
 * <table>
 * <caption>The header</caption>
 * <tr><th>at</th><th>bytes</th><th>what</th></tr>
 * <tr><td>0</td><td>4</td><td>the letters DMB4</td></tr>
 * <tr><td>4</td><td>2</td><td>version, 1</td></tr>
 * <tr><td>6</td><td>2</td><td>kind</td></tr>
 * <tr><td>8</td><td>4</td><td>bytes of content</td></tr>
 * <tr><td>12</td><td>4</td><td>number of descriptors</td></tr>
 * <tr><td>16</td><td>8</td><td>sequence, from 1 on in each direction</td></tr>
 * </table>
 *
 * <table>
 * <caption>Kinds of frames</caption>
 * <tr><th>kind</th><th>name</th><th>from</th><th>content</th><th>descriptors</th></tr>
 * <tr><td>1</td><td>MESSAGE</td><td>both</td><td>bytes of the user</td><td>0</td></tr>
 * <tr><td>2</td><td>BUFFER</td><td>both</td><td>size, flags, name, layout</td><td>its memory</td></tr>
 * <tr><td>3</td><td>FENCE</td><td>both</td><td>its form: 1 event, 2 sync_file</td><td>the fence</td></tr>
 * <tr><td>4</td><td>OFFER</td><td>producer</td><td>a name, a number of buffers, each as in BUFFER; abilities</td><td>the memory of
 *   each</td></tr>
 * <tr><td>5</td><td>ACCEPT</td><td>consumer</td><td>abilities</td><td>0</td></tr>
 * <tr><td>6</td><td>QUEUED</td><td>producer</td><td>slot (4), turn (8), form of the fence (4); of a point also
 *   timeline (4), point (8)</td><td>those of the fence</td></tr>
 * <tr><td>7</td><td>RELEASED</td><td>consumer</td><td>the same</td><td>the same</td></tr>
 * <tr><td>8</td><td>END</td><td>producer</td><td></td><td>0</td></tr>
 * </table>
 *
 * <p>Abilities (4 bytes) are left out if they are 0; bit 0 says that the sender takes fences as
 * points, other bits mean nothing yet.
 *
 * <table>
 * <caption>Forms of fences</caption>
 * <tr><th>form</th><th>what</th><th>descriptors</th></tr>
 * <tr><td>0</td><td>nothing to wait for</td><td>0</td></tr>
 * <tr><td>1</td><td>an event</td><td>a timerfd or an eventfd</td></tr>
 * <tr><td>2</td><td>a fence of the kernel</td><td>a sync_file</td></tr>
 * <tr><td>3</td><td>a point of a timeline, from 0 to 15, that comes along</td><td>a {@code drm_syncobj}, a memory file of
 *   failures</td></tr>
 * <tr><td>4</td><td>a point of a timeline that came before</td><td>0</td></tr>
 * </table>
 *
 * <p>A queue is OFFER, ACCEPT, and then QUEUED and RELEASED in any order. The turn of a slot is 1
 * when it is queued first, and grows by one each time; RELEASED repeats it. The producer may close
 * after END; before, its end is a failure.
 *
 * <h2>Fences</h2>
 *
 * <p>A kernel fence crosses as a sync_file, any other as an event, a timerfd or an eventfd, or as a
 * point of a timeline of the kernel (design rule FN6). A fence that came is foreign (design rule
 * FN1). When the connection ends, those of the peer that are pending fail: the kernel's don't,
 * which signals them itself.
 *
 * <p>Points go in queues, if both ends have a render node with timelines ({@link
 * io.github.dmabuf4j.device.KernelTimeline#support}): for all fences of a {@link
 * io.github.dmabuf4j.FenceContext} but its first one. However many are pending, they take the
 * descriptors of one timeline, where an event takes one in each process and another one in the
 * sender's. All other fences go as they would without: those that may signal in any order, and what
 * is sent outside of a queue, by whose beginning both sides learn what the other one takes. {@link
 * io.github.dmabuf4j.device.PointFences} has the details.
 *
 * <h2>Threads and locks</h2>
 *
 * <p>All types may be used by any thread. Waits can be interrupted and have a deadline (design rule
 * FN5). A virtual thread parks; of the platform threads that wait for a queue one waits in the
 * kernel and reads what the peer says, so that a token wakes nobody else. For all others one thread
 * reads, the same for all connections, which never waits and runs no code of users under a lock. It
 * is the one that runs callbacks of the peers' fences. Each connection has one thread more while
 * there is something to close. Nothing here takes a reservation but sending a buffer, which waits
 * for its pending host fences.
 */
@org.jspecify.annotations.NullMarked
package io.github.dmabuf4j.device.sharing;
