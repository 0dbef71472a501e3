package io.github.dmabuf4j.examples.gpu;

import static org.lwjgl.vulkan.VK10.VK_ERROR_INCOMPATIBLE_DRIVER;
import static org.lwjgl.vulkan.VK10.VK_INCOMPLETE;
import static org.lwjgl.vulkan.VK10.VK_SUCCESS;
import static org.lwjgl.vulkan.VK10.vkCreateInstance;
import static org.lwjgl.vulkan.VK10.vkDestroyInstance;
import static org.lwjgl.vulkan.VK10.vkEnumeratePhysicalDevices;
import static org.lwjgl.vulkan.VK11.VK_API_VERSION_1_1;

import io.github.dmabuf4j.examples.BadInputException;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.List;
import org.lwjgl.PointerBuffer;
import org.lwjgl.system.Configuration;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.vulkan.VK;
import org.lwjgl.vulkan.VkApplicationInfo;
import org.lwjgl.vulkan.VkInstance;
import org.lwjgl.vulkan.VkInstanceCreateInfo;
import org.lwjgl.vulkan.VkPhysicalDevice;

/**
 * Vulkan, as far as it is on this machine: the loader, and the devices that its drivers have.
 *
 * <p><b>Threads.</b> For one thread.
 */
final class VulkanInstance implements AutoCloseable {
  private static final String INSTALL =
      "install a loader and a driver, for example with apt install libvulkan1 mesa-vulkan-drivers,"
          + " which also has a driver without a GPU";

  private static boolean loaded; // guarded by the class

  private final List<GpuDevice> devices;
  private final VulkanObjects objects;

  private VulkanInstance(List<GpuDevice> devices, VulkanObjects objects) {
    this.devices = devices;
    this.objects = objects;
  }

  /**
   * Starts Vulkan.
   *
   * @throws BadInputException if it is missing, or has no device: says what to install
   */
  static VulkanInstance open(Vulkan vulkan) throws BadInputException {
    load();
    VulkanObjects objects = new VulkanObjects(vulkan);
    boolean done = false;
    try {
      List<GpuDevice> devices = devices(vulkan, create(vulkan, objects));
      done = true;
      return new VulkanInstance(devices, objects);
    } catch (VulkanException e) {
      if (e.result() == VK_ERROR_INCOMPATIBLE_DRIVER) {
        throw new BadInputException("Vulkan has no driver here: " + INSTALL);
      }
      throw e;
    } finally {
      if (!done) {
        objects.close();
      }
    }
  }

  /** Loads the loader, once. Memory is reached through java.lang.foreign, as in our own code. */
  private static synchronized void load() throws BadInputException {
    if (loaded) {
      return;
    }
    Configuration.MEMORY_BACKEND.set("ffm");
    Configuration.VULKAN_EXPLICIT_INIT.set(true);
    try {
      VK.create();
    } catch (UnsatisfiedLinkError e) {
      throw new BadInputException("Vulkan is missing (%s): %s".formatted(e.getMessage(), INSTALL));
    }
    loaded = true;
  }

  private static VkInstance create(Vulkan vulkan, VulkanObjects objects) {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      var application =
          VkApplicationInfo.calloc(stack)
              .sType$Default()
              .pApplicationName(stack.UTF8("dmabuf4j"))
              .apiVersion(VK_API_VERSION_1_1);
      var info = VkInstanceCreateInfo.calloc(stack).sType$Default().pApplicationInfo(application);
      PointerBuffer made = stack.mallocPointer(1);
      vulkan.call("vkCreateInstance", () -> vkCreateInstance(info, null, made));
      VkInstance instance = new VkInstance(made.get(0), info);
      objects.add(() -> vkDestroyInstance(instance, null));
      return instance;
    }
  }

  private static List<GpuDevice> devices(Vulkan vulkan, VkInstance instance) {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      IntBuffer count = stack.mallocInt(1);
      vulkan.call(
          "vkEnumeratePhysicalDevices", () -> vkEnumeratePhysicalDevices(instance, count, null));
      PointerBuffer handles = stack.mallocPointer(Math.max(1, count.get(0)));
      int result =
          vulkan.answer(
              "vkEnumeratePhysicalDevices",
              () -> vkEnumeratePhysicalDevices(instance, count, handles));
      if (result != VK_SUCCESS && result != VK_INCOMPLETE) { // one more was plugged in meanwhile
        throw new VulkanException("vkEnumeratePhysicalDevices", result);
      }
      List<GpuDevice> devices = new ArrayList<>();
      for (int i = 0; i < count.get(0); i++) {
        devices.add(GpuDevice.of(vulkan, new VkPhysicalDevice(handles.get(i), instance)));
      }
      return List.copyOf(devices);
    }
  }

  /**
   * The devices, in the order in which Vulkan names them.
   *
   * @throws BadInputException if there is none: says what to install
   */
  List<GpuDevice> devices() throws BadInputException {
    if (devices.isEmpty()) {
      throw new BadInputException("Vulkan has no device here: " + INSTALL);
    }
    return devices;
  }

  /** What was made with its devices must be closed first. */
  @Override
  public void close() {
    objects.close();
  }
}
